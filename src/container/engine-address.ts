/** Where the Docker engine listens: as the `docker` command finds it, or podman's socket where there is no Docker. */
import { accessSync, constants, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';

/** The engine's address can't be used; the message names the variable and what it expects. */
export class EngineAddressError extends Error {
  override readonly name = 'EngineAddressError';
}

export type Environment = Readonly<Record<string, string | undefined>>;

const dockerSocket = '/var/run/docker.sock';

/**
 * The engine that `DOCKER_HOST`, `DOCKER_TLS_VERIFY` and `DOCKER_CERT_PATH` name. Without `DOCKER_HOST` the first socket
 * that this user may use: Docker's, podman's of the user, podman's of the system, Docker's of the user.
 *
 * @throws {EngineAddressError}
 */
export function openEngine(environment: Environment = process.env, mayUse = canUse): Docker {
  return new Docker(engineOptions(environment, mayUse));
}

/** As {@link openEngine}, what it is opened with. */
export function engineOptions(environment: Environment, mayUse = canUse): Docker.DockerOptions {
  const address = environment.DOCKER_HOST ?? '';
  if (address === '') return { socketPath: findSocket(environment, mayUse) };
  if (address.startsWith('unix://')) return { socketPath: address.slice('unix://'.length) || dockerSocket };
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url?.protocol === 'ssh:') {
    throw new EngineAddressError(
      `DOCKER_HOST=${address}: an engine behind ssh does not see this host's folders, which containers mount; use an engine of this host, or run "pushtune work" on the other one`,
    );
  }
  if (url === undefined || !['tcp:', 'http:', 'https:'].includes(url.protocol) || url.hostname === '') {
    throw new EngineAddressError(`DOCKER_HOST=${address}: expected unix:///path/of/a/socket or tcp://host:port`);
  }
  const usesTls = url.protocol === 'https:' || (environment.DOCKER_TLS_VERIFY ?? '') !== '' || url.port === '2376';
  // The brackets of an IPv6 address belong to the URL alone.
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (!usesTls) return { host, port: url.port || '2375', protocol: 'http' };
  return { host, port: url.port || '2376', protocol: 'https', ...certificates(environment) };
}

function certificates(environment: Environment): Docker.DockerOptions {
  const folder = environment.DOCKER_CERT_PATH || join(environment.HOME || homedir(), '.docker');
  const read = (name: string): Buffer => {
    try {
      return readFileSync(join(folder, name));
    } catch (cause) {
      throw new EngineAddressError(
        `the Docker engine is spoken to with TLS, and ${join(folder, name)} can't be read; DOCKER_CERT_PATH names the folder of ca.pem, cert.pem and key.pem`,
        { cause },
      );
    }
  };
  return { ca: read('ca.pem'), cert: read('cert.pem'), key: read('key.pem') };
}

function findSocket({ XDG_RUNTIME_DIR: runtime }: Environment, mayUse: (path: string) => boolean): string {
  const ofUser = (path: string): string[] => (runtime === undefined || runtime === '' ? [] : [join(runtime, path)]);
  const known = [dockerSocket, ...ofUser('podman/podman.sock'), '/run/podman/podman.sock', ...ofUser('docker.sock')];
  // Docker's is also the one that an engine which does not run yet will make.
  return known.find(mayUse) ?? dockerSocket;
}

function canUse(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** `DOCKER_HOST` for a program that is started, such as `docker` itself, and that shall use the same engine. */
export function engineVariables(environment: Environment = process.env, mayUse = canUse): Record<string, string> {
  if ((environment.DOCKER_HOST ?? '') !== '') return {};
  const socket = findSocket(environment, mayUse);
  return socket === dockerSocket ? {} : { DOCKER_HOST: `unix://${socket}` };
}
