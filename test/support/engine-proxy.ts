/** A socket in front of the Docker engine's, so that a test can take the engine away and bring it back. */
import { rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import Docker from 'dockerode';

export interface EngineProxy {
  /** Asks the engine through the proxy. */
  readonly docker: Docker;
  /** How many connections came in since the proxy was made. */
  readonly connections: () => number;
  /** As when the engine ends: open connections break, new ones are refused. */
  close(): Promise<void>;
  open(): Promise<void>;
}

/** @param path of the proxy's socket */
export async function startEngineProxy(path: string): Promise<EngineProxy> {
  const socketPath = process.env.DOCKER_HOST?.replace(/^unix:\/\//, '') ?? '/var/run/docker.sock';
  const sockets = new Set<Socket>();
  let connections = 0;
  let server: Server;

  function join(client: Socket): void {
    connections += 1;
    const engine = connect(socketPath);
    for (const [socket, other] of [
      [client, engine],
      [engine, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  }

  async function open(): Promise<void> {
    server = createServer(join);
    await new Promise<void>((resolve) => server.listen(path, resolve));
  }

  await open();
  return {
    docker: new Docker({ socketPath: path }),
    connections: () => connections,
    open,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
      rmSync(path, { force: true });
    },
  };
}
