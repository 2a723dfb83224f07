/** What the monitor remembers about containers that crashed. */
import type { Redis } from 'ioredis';
import type { Incident } from '../pipeline/incident.js';
import { key } from './redis.js';

const incidentsKey = key('incidents');

export async function getIncident(redis: Redis, container: string): Promise<Incident | undefined> {
  const text = await redis.hget(incidentsKey, container);
  // One that was stored by an earlier version lacks what that did not know.
  return text === null ? undefined : { crash: '', runs: [], isTold: true, ...JSON.parse(text) };
}

export async function setIncident(redis: Redis, container: string, incident: Incident | undefined): Promise<void> {
  if (incident === undefined) await redis.hdel(incidentsKey, container);
  else await redis.hset(incidentsKey, container, JSON.stringify(incident));
}
