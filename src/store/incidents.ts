/** What the monitor remembers about containers that crashed. Containers of two hosts may share a name. */
import type { Redis } from 'ioredis';
import type { Incident } from '../pipeline/incident.js';
import { key } from './redis.js';

const incidentsKey = (host: string): string => key('incidents', host);

export async function getIncident(redis: Redis, host: string, container: string): Promise<Incident | undefined> {
  const text = await redis.hget(incidentsKey(host), container);
  // One that was stored by an earlier version lacks what that did not know.
  return text === null ? undefined : { crash: '', runs: [], isTold: true, ...JSON.parse(text) };
}

export async function setIncident(
  redis: Redis,
  host: string,
  container: string,
  incident: Incident | undefined,
): Promise<void> {
  if (incident === undefined) await redis.hdel(incidentsKey(host), container);
  else await redis.hset(incidentsKey(host), container, JSON.stringify(incident));
}
