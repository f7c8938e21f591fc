import { createHash } from "node:crypto";
import type postgres from "postgres";

/** The values of a row of storage.objects. Other columns have Storage's defaults. */
export interface ObjectContent {
  text?: string;
  type?: string;
  userMetadata?: Record<string, string>;
}

/** Writes Storage's rows as the role `postgres`. The rows have no bytes. */
export class Objects {
  constructor(private readonly sql: postgres.Sql) {}

  async createBucket(id: string): Promise<void> {
    await this.sql`insert into storage.buckets (id, name) values (${id}, ${id})`;
  }

  /**
   * Creates or overwrites an object. An overwrite keeps id and created_at and changes the version.
   */
  async upload(bucket: string, name: string, content: ObjectContent = {}): Promise<string> {
    const [row] = await this.sql<{ id: string }[]>`
      insert into storage.objects (bucket_id, name, version, metadata, user_metadata, owner_id)
      values (${bucket}, ${name}, ${crypto.randomUUID()}, ${this.sql.json(metadata(content))},
        ${this.sql.json(content.userMetadata ?? {})}, 'somebody')
      on conflict (bucket_id, name) do update set version = excluded.version,
        metadata = excluded.metadata, user_metadata = excluded.user_metadata
      returning id`;
    return row.id;
  }

  async move(bucket: string, name: string, toBucket: string, toName: string): Promise<void> {
    await this.sql`
      update storage.objects
      set bucket_id = ${toBucket}, name = ${toName}, version = ${crypto.randomUUID()}
      where bucket_id = ${bucket} and name = ${name}`;
  }

  async setUserMetadata(bucket: string, name: string, values: Record<string, string>) {
    await this.sql`
      update storage.objects set user_metadata = ${this.sql.json(values)}
      where bucket_id = ${bucket} and name = ${name}`;
  }

  async remove(bucket: string, name: string): Promise<void> {
    await this.sql.begin(async (sql) => {
      await sql`select set_config('storage.allow_delete_query', 'true', true)`;
      await sql`delete from storage.objects where bucket_id = ${bucket} and name = ${name}`;
    });
  }

  async removeBucket(id: string): Promise<void> {
    await this.sql.begin(async (sql) => {
      await sql`select set_config('storage.allow_delete_query', 'true', true)`;
      await sql`delete from storage.objects where bucket_id = ${id}`;
      await sql`delete from storage.buckets where id = ${id}`;
    });
  }
}

function metadata({ text = "", type = "text/plain" }: ObjectContent) {
  return {
    eTag: `"${createHash("md5").update(text).digest("hex")}"`,
    size: new TextEncoder().encode(text).length,
    mimetype: type,
    cacheControl: "max-age=3600",
    httpStatusCode: 200,
  };
}
