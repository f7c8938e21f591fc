/** Writes a guide and a script into the repository, for a recovery without Holdfast. */
import { putDocument } from "./documents.ts";
import type { RepositoryAddress } from "./location.ts";
import { recoveryScript } from "./recovery_script.ts";
import type { RepositoryStore } from "../destinations/store.ts";

/** The keys carry a version, because an existing document is never overwritten. */
const GUIDE_KEY = "RECOVERY-v1.md";
const SCRIPT_KEY = "recover-v1.sh";

/**
 * Puts the guide and the script. Existing ones, such as for another endpoint, are kept, because they
 * serve the same purpose.
 */
export async function putRecovery(
  store: RepositoryStore,
  address: RepositoryAddress,
): Promise<void> {
  await putDocument(store, SCRIPT_KEY, recoveryScript(address));
  await putDocument(store, GUIDE_KEY, recoveryGuide(address));
}

/** Makes the text of RECOVERY-v1.md for a repository. */
export function recoveryGuide({ endpoint, region, bucket, prefix }: RepositoryAddress): string {
  return `# How to get these files back

This folder of the bucket is a Holdfast repository: an off-site backup of the Storage of a Supabase
project.

| what     | where         |
| -------- | ------------- |
| endpoint | ${endpoint} |
| region   | ${region} |
| bucket   | ${bucket} |
| prefix   | ${prefix} |

## Into a Supabase project

Install Holdfast there, with this place in its settings, and restore: files, types, owners, times
and user metadata come back, and each is read back and compared. It is the better way wherever there
is a project. https://github.com/holdfast-backup/holdfast, docs/RESTORE.md

## Into a folder, without Holdfast

You need a shell, the AWS CLI with a key that may list and get, gzip, jq and openssl.

    export AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=…
    aws --endpoint-url ${endpoint} --region ${region} s3 cp s3://${bucket}/${prefix}/${SCRIPT_KEY} .
    sh ${SCRIPT_KEY} restored

It restores the newest complete snapshot below the folder \`restored\`, one folder a bucket, and
compares each file with its SHA-256. A snapshot's id as a second word restores that one; the ids are
the names in the folder \`snapshots\`. \`restored/holdfast-entries.ndjson\` says everything else of
each file: type, cache control, user metadata, owner, times. Started again with the same folder, it
fetches what is missing. Into \`holdfast-other-names\`, called by the SHA-256 of its key, goes what no
file there can be called: such as one whose name is a folder's, too, and in a file system that ignores
case, names that differ in it alone.

## By hand

1. The last record in \`log/\` whose kind is \`snapshot\` names a snapshot and its SHA-256.
2. \`snapshots/<id>.json\` names its \`parts\`. Each is gzip of one JSON object a line, and its name is
   its SHA-256.
3. Read the parts in their order: a line with \`"op": "put"\` says what there is at a bucket and name,
   one with \`"op": "remove"\` that there is nothing any more. The last one counts.
4. The bytes are at the line's \`key\`, as they are. \`sha256\` is their digest. Where the line has a
   \`part_size\`, it is the digest of the digests (32 raw bytes each) of pieces of that size.
`;
}
