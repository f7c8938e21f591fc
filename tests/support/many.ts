import { bytesOf, upload } from "./objects.ts";
import type { TestProject } from "./project.ts";

/** Number of concurrent uploads, enough to keep Storage busy. */
const AT_ONCE = 16;

/** Uploads objects of a size, named `object-00000` and so on, each with different bytes. */
export async function uploadMany(
  project: TestProject,
  bucket: string,
  count: number,
  size: number,
): Promise<void> {
  let next = 0;
  const uploader = async () => {
    while (next < count) {
      const index = next++;
      const name = `object-${String(index).padStart(5, "0")}`;
      await upload(project, bucket, name, bytesOf(size, index + 1));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, uploader));
}
