import type { Party } from "./step.ts";

/**
 * The kinds of request that a slice sends. No kind patches an object: a restore sets by SQL what
 * Storage's API cannot set.
 */
export const KINDS = [
  "storage GET",
  "storage GET back",
  "storage POST object",
  "storage POST bucket",
  "storage POST move",
  "storage DELETE bucket",
  "s3 GET",
  "s3 HEAD",
  "s3 LIST",
  "s3 PUT",
  "s3 DELETE",
  "s3 create upload",
  "s3 put part",
  "s3 complete upload",
  "sql",
] as const;

/** The name of a kind of request. */
export type Kind = (typeof KINDS)[number];

/** A short description of a request. S3's query is part of it: it selects the operation. */
export function actionOf(party: Party, method: string, path: string, query: string): string {
  return `${method} ${path}${party === "s3" ? query && `?${query.replace(/^\?/, "")}` : ""}`;
}

/** The kind of a request.
 * @param readsBack whether it belongs to a restore, which reads what it wrote */
export function kindOf(party: Party, action: string, readsBack = false): Kind {
  if (party === "sql") return "sql";
  const [method = "", target = ""] = action.split(" ");
  return party === "s3" ? kindOfS3(method, target) : kindOfStorage(method, target, readsBack);
}

function kindOfStorage(method: string, path: string, readsBack: boolean): Kind {
  if (method === "DELETE") return "storage DELETE bucket";
  if (method === "GET") return readsBack ? "storage GET back" : "storage GET";
  if (path.endsWith("/object/move")) return "storage POST move";
  return path.includes("/v1/bucket") ? "storage POST bucket" : "storage POST object";
}

/** Queries that list objects, uploads or parts. */
const LISTINGS = /[?&](list-type|uploads|uploadId)=/;

function kindOfS3(method: string, target: string): Kind {
  switch (method) {
    case "HEAD":
      return "s3 HEAD";
    case "DELETE":
      return "s3 DELETE";
    case "PUT":
      return target.includes("partNumber=") ? "s3 put part" : "s3 PUT";
    case "POST":
      return target.includes("uploadId=") ? "s3 complete upload" : "s3 create upload";
    default:
      return LISTINGS.test(target) ? "s3 LIST" : "s3 GET";
  }
}
