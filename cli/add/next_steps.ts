/** A step after `add`. README.md lists the same commands in the same order. */
export interface NextStep {
  why: string;
  /** A file to write first, with its path from the folder that holds supabase. */
  file?: { path: string; text: string };
  commands: string[];
}

/** The .gitignore of `supabase init` excludes `.env.*.local`, so git never commits the secrets. */
const SECRETS_FILE = "supabase/.env.holdfast.local";

/** The steps from the copied files to a scheduled backup. */
export const NEXT_STEPS: NextStep[] = [
  {
    why: "Once: log in, and link the folder to your project.",
    commands: ["npx supabase login", "npx supabase link --project-ref <ref>"],
  },
  { why: "Apply the migrations.", commands: ["npx supabase db push"] },
  {
    why: "In the SQL editor: see what the first backup will read and cost.",
    commands: ["select * from holdfast.estimate();"],
  },
  {
    why: `Say where the backups go, in ${SECRETS_FILE}:`,
    file: {
      path: SECRETS_FILE,
      text: [
        "HOLDFAST_S3_ENDPOINT=https://s3.eu-central-1.amazonaws.com",
        "HOLDFAST_S3_REGION=eu-central-1",
        "HOLDFAST_S3_BUCKET=my-backups",
        "HOLDFAST_S3_ACCESS_KEY_ID=…",
        "HOLDFAST_S3_SECRET_ACCESS_KEY=…",
      ].join("\n"),
    },
    commands: [`npx supabase secrets set --env-file ${SECRETS_FILE}`],
  },
  {
    why: "Deploy the functions. No Docker is needed.",
    commands: [
      "npx supabase functions deploy --use-api holdfast-backup holdfast-restore holdfast-api",
    ],
  },
  {
    why: "In the SQL editor: schedule it (times are UTC).",
    commands: ["select holdfast.schedule('0 2 * * *', 'https://<ref>.supabase.co');"],
  },
];
