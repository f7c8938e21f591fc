/** Ports on 127.0.0.1 and the folder of the cluster's parts. */
export interface CephLocations {
  readonly folder: string;
  readonly clusterId: string;
  readonly monitorPort: number;
  readonly gatewayPort: number;
}

/** Maximum size of all objects together. They are kept in the memory of the OSD. */
const MEMORY_BYTES = 8 * 1024 ** 3;

/** The configuration of a cluster of one monitor, one OSD in memory and one gateway. */
export function cephConfig({ folder, clusterId, monitorPort, gatewayPort }: CephLocations): string {
  return `[global]
fsid = ${clusterId}
mon host = [v2:127.0.0.1:${monitorPort}]
mon initial members = a
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv6 = false

# Without authentication clients default to a secure mode that the monitor then refuses.
auth cluster required = none
auth service required = none
auth client required = none
ms mon client mode = crc

# Nothing is replicated, and changes of the cluster's map are not collected: start-up is a series
# of such changes, and takes one second with these two lines and twenty without.
paxos propose interval = 0.05
paxos min wait = 0.01
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true

osd objectstore = memstore
memstore device bytes = ${MEMORY_BYTES}

mon data = ${folder}/monitor
osd data = ${folder}/osd
run dir = ${folder}
crash dir = ${folder}
log file = ${folder}/$name.log
mon cluster log file = ${folder}/cluster.log
admin socket =
pid file =

[client.rgw]
rgw data = ${folder}/gateway
rgw frontends = beast endpoint=127.0.0.1:${gatewayPort}
`;
}
