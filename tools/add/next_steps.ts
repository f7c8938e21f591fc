/** A step that follows `add`; README.md has the same commands in the same order. */
export interface NextStep {
  why: string;
  commands: string[];
}

/** From the files in the folder to a scheduled backup. */
export const NEXT_STEPS: NextStep[] = [
  {
    why: "Once: log in, and link the folder to your project.",
    commands: ["npx supabase login", "npx supabase link --project-ref YOUR_PROJECT_REF"],
  },
  { why: "Make the schema holdfast.", commands: ["npx supabase db push"] },
  {
    why: "In the SQL editor: what the first backup will read, write and cost in requests.",
    commands: ["select * from holdfast.estimate();"],
  },
  {
    why: "Say where backups go: the HOLDFAST_S3_* settings, in a file that you do not commit.",
    commands: ["npx supabase secrets set --env-file supabase/.env.holdfast.local"],
  },
  {
    why: "Deploy the functions; no Docker is needed.",
    commands: [
      "npx supabase functions deploy --use-api holdfast-backup holdfast-restore holdfast-api",
    ],
  },
  {
    why: "In the SQL editor: a backup each night.",
    commands: ["select holdfast.schedule('0 2 * * *');"],
  },
];
