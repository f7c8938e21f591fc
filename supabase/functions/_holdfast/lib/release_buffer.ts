/**
 * Releases the memory of a buffer immediately; its bytes can't be used afterwards. Otherwise the
 * bytes would count against the isolate's memory limit until garbage collection. V8 delays that,
 * because it barely accounts for the size of buffers.
 */
export function releaseBuffer(bytes: Uint8Array<ArrayBuffer>): void {
  bytes.buffer.transfer(0);
}
