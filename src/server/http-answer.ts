import type { ServerResponse } from 'node:http';
import { PROBLEM_MEDIA_TYPE } from '../api/problem.ts';
import type { Problem } from '../api/problem.ts';

/** Answers with a problem document (RFC 9457). */
export function sendProblem(response: ServerResponse, said: Omit<Problem, 'type'>): void {
  const body: Problem = { type: 'about:blank', ...said };
  sendJson(response, said.status, body, PROBLEM_MEDIA_TYPE);
}

export function sendJson(response: ServerResponse, status: number, body: object, type = 'application/json'): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
  });
  response.end(text);
}
