import assert from "node:assert/strict";
import {
  denoBinary,
  denoPackage,
  DenoUnavailableError,
  EDGE_RUNTIME_DENO,
} from "../../../../stack/process/deno_versions.ts";

Deno.test("each platform has its npm package", () => {
  const packages = [
    denoPackage({ os: "linux", arch: "x86_64", env: "gnu" }),
    denoPackage({ os: "linux", arch: "aarch64", env: "gnu" }),
    denoPackage({ os: "darwin", arch: "x86_64" }),
    denoPackage({ os: "darwin", arch: "aarch64" }),
    denoPackage({ os: "windows", arch: "x86_64", env: "msvc" }),
  ];
  assert.deepEqual(packages, [
    "@deno/linux-x64-glibc",
    "@deno/linux-arm64-glibc",
    "@deno/darwin-x64",
    "@deno/darwin-arm64",
    "@deno/win32-x64",
  ]);
});

Deno.test("a platform without a package is an error that names it", () => {
  for (
    const platform of [
      { os: "linux", arch: "x86_64", env: "musl" },
      { os: "freebsd", arch: "x86_64" },
      { os: "linux", arch: "riscv64", env: "gnu" },
    ]
  ) {
    assert.throws(
      () => denoPackage(platform),
      (error) =>
        error instanceof DenoUnavailableError && error.code === "deno_unavailable" &&
        error.message.includes(platform.os) && error.message.includes(platform.arch),
    );
  }
});

Deno.test("the running version is the running binary", async () => {
  assert.equal(await denoBinary(Deno.version.deno), Deno.execPath());
});

Deno.test("two concurrent requests for a version share one complete installation", async () => {
  const cacheDirectory = await Deno.makeTempDir();
  try {
    const [first, second] = await Promise.all([
      denoBinary(EDGE_RUNTIME_DENO, { cacheDirectory }),
      denoBinary(EDGE_RUNTIME_DENO, { cacheDirectory }),
    ]);
    assert.equal(first, second);
    const { stdout } = await new Deno.Command(first, { args: ["--version"] }).output();
    assert.match(new TextDecoder().decode(stdout), new RegExp(`^deno ${EDGE_RUNTIME_DENO} `));
    const left = [];
    for await (const entry of Deno.readDir(cacheDirectory)) left.push(entry.name);
    assert.deepEqual(left.sort(), [
      `deno-${EDGE_RUNTIME_DENO}`,
      `deno-${EDGE_RUNTIME_DENO}.lock`,
    ]);
  } finally {
    await Deno.remove(cacheDirectory, { recursive: true });
  }
});

Deno.test("a version that npm does not have is an error that names it", async () => {
  const cacheDirectory = await Deno.makeTempDir();
  try {
    await assert.rejects(
      denoBinary("2.1.4444", { cacheDirectory }),
      (error) => error instanceof DenoUnavailableError && /2\.1\.4444/.test(error.message),
    );
  } finally {
    await Deno.remove(cacheDirectory, { recursive: true });
  }
});
