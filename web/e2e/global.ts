// Starts the real thing once for all test files: `bin/etfcast up --demo` on the database and the Temporal server of the environment
// (bin/devstack run). With ETFCAST_URL, the tests drive that server instead; it needs the demo's data, and --upload-dir.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** Where the server under test listens, without a slash at the end. */
    url: string;
    /** The browser's program. */
    chromium: string;
  }
}

/** How long the demo may take until its runs are done: 25 sessions of two exchanges, one after another. A busy machine needs minutes. */
const patience = 900_000;

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  project.provide('chromium', chromium());
  const given = process.env['ETFCAST_URL'];
  if (given) {
    const url = given.replace(/\/$/, '');
    await ready(url, () => undefined);
    project.provide('url', url);
    return async () => undefined;
  }

  for (const name of ['TEMPORAL_ADDRESS', 'ETFCAST_MYSQL_DSN', 'ETFCAST_MYSQL_ADMIN_DSN']) {
    if (!process.env[name]) throw new Error(`${name} is not set: run \`make test-web\`, or set ETFCAST_URL to a running etfcast`);
  }
  const program = resolve(import.meta.dirname, '../../bin/etfcast');
  if (!existsSync(program)) throw new Error(`there is no ${program}: run \`make build\``);
  const files = mkdtempSync(join(tmpdir(), 'etfcast-web-'));
  const address = `127.0.0.1:${await freePort()}`;
  const url = `http://${address}`;
  const server = spawn(program, ['up', '--demo', '--listen', address], {
    env: { ...process.env, ETFCAST_FILE_DIR: files, ETFCAST_UPLOAD_DIR: files, ETFCAST_LOG_LEVEL: 'warn' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let stopped = false;
  const failure = (): string | undefined => (stopped ? `etfcast has ended:\n${output.slice(-4000)}` : undefined);
  for (const stream of [server.stdout, server.stderr]) stream.on('data', (part: Buffer) => (output += part.toString()));
  server.on('error', (e) => ((output += e.message), (stopped = true)));
  const end = new Promise<void>((done) => server.on('exit', () => ((stopped = true), done())));
  const stop = async (): Promise<void> => {
    if (!stopped) server.kill('SIGINT');
    const force = setTimeout(() => server.kill('SIGKILL'), 20_000);
    await end;
    clearTimeout(force);
    rmSync(files, { recursive: true, force: true });
  };
  try {
    await ready(url, failure);
    await until('the demo to be up to date', failure, () => output.includes('up to date after'));
    await until('the earlier sessions of the demo to be forecast', failure, () => output.includes('earlier sessions were forecast too'));
    await until('every run to end', failure, async () => {
      const runs = (await (await fetch(`${url}/v1/runs?status=running`)).json()) as { items?: unknown[] };
      return runs.items?.length === 0;
    });
  } catch (cause) {
    await stop();
    throw cause;
  }
  project.provide('url', url);
  return stop;
}

/** The browser: CHROMIUM, or Debian's package. */
function chromium(): string {
  const program = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
  if (!existsSync(program)) {
    throw new Error(`there is no browser at ${program}: install Debian's package chromium, or set CHROMIUM to the program of a Chromium`);
  }
  return program;
}

async function ready(url: string, failure: () => string | undefined): Promise<void> {
  await until(`${url} to be ready`, failure, async () => (await fetch(`${url}/readyz`)).ok);
}

/** Asks ten times a second until the answer is yes. A question that can't be asked yet is asked again. */
async function until(what: string, failure: () => string | undefined, ask: () => boolean | Promise<boolean>): Promise<void> {
  const limit = Date.now() + patience;
  let last: unknown;
  for (;;) {
    const failed = failure();
    if (failed) throw new Error(failed);
    try {
      if (await ask()) return;
      last = 'not yet';
    } catch (cause) {
      last = cause;
    }
    if (Date.now() > limit) throw new Error(`waiting for ${what}: ${String(last)}`);
    await new Promise((go) => setTimeout(go, 100));
  }
}

function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const probe = createServer();
    probe.on('error', fail);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      probe.close(() => done(port));
    });
  });
}
