import type { Config } from '../config.js';

export function runUrl(config: Config, run: string): string {
  return `${config.server.url}/api/runs/${run}`;
}

export function runLogUrl(config: Config, run: string): string {
  return `${runUrl(config, run)}/log`;
}

export function runArtifactsUrl(config: Config, run: string): string {
  return `${runUrl(config, run)}/artifacts`;
}

export function studyModelUrl(config: Config, study: string): string {
  return `${studyUrl(config, study)}/model`;
}

export function studyUrl(config: Config, study: string): string {
  return `${config.server.url}/api/studies/${study}`;
}
