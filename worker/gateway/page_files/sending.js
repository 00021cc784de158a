/** A body that is sent to S3, with its progress where the platform shows that. */

import { JobsError } from "./errors.js";

/**
 * Resolves when S3 has taken the body. Throws JobsError; its status is 0 for a connection that was lost.
 *
 * `onSent(bytes)` is called in browsers only.
 */
export async function sendToS3(method, url, body, { onSent = () => {}, signal } = {}) {
  const send = typeof XMLHttpRequest === "undefined" ? withFetch : withProgress;
  const { status, text } = await send(method, url, body, { onSent, signal });
  if (status < 200 || status > 299) throw new JobsError(reasonIn(text, status), { status: statusOf(text, status) });
}

/** The form of the gateway, with the file as its last field: S3 passes over what comes after it. */
export function formOf(fields, file) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append("file", file);
  return form;
}

async function withFetch(method, url, body, { signal }) {
  try {
    const answer = await fetch(url, { method, body, signal });
    return { status: answer.status, text: await answer.text() };
  } catch {
    signal?.throwIfAborted();
    return { status: 0, text: "" };
  }
}

/** Only XMLHttpRequest shows how much of a body has been sent. */
function withProgress(method, url, body, { onSent, signal }) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const request = new XMLHttpRequest();
    const abort = () => request.abort();
    const end = (settle) => () => {
      signal?.removeEventListener("abort", abort);
      settle();
    };
    request.upload.onprogress = ({ loaded }) => onSent(loaded);
    request.onload = end(() => resolve({ status: request.status, text: request.responseText }));
    request.onerror = end(() => resolve({ status: 0, text: "" }));
    request.onabort = end(() => reject(signal.reason));
    signal?.addEventListener("abort", abort, { once: true });
    request.open(method, url);
    request.send(body);
  });
}

function reasonIn(xml, status) {
  if (status === 0) return "The connection to S3 was lost.";
  const message = /<Message>([^<]*)<\/Message>/.exec(xml)?.[1];
  return `S3 refused the upload: ${message ?? `status ${status}`}`;
}

/** S3 answers 400 where a body came too slowly: the same request may succeed. */
function statusOf(xml, status) {
  return xml.includes("<Code>RequestTimeout</Code>") ? 408 : status;
}
