/**
 * Frees bytes at once; they can't be used any more. As garbage they would count against the
 * isolate's memory until they are collected, which is late: V8 hardly sees what buffers weigh.
 */
export function releaseBuffer(bytes: Uint8Array<ArrayBuffer>): void {
  bytes.buffer.transfer(0);
}
