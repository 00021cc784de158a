/** A form that is posted to S3, with its progress where the platform shows that. */

/** Resolves with `{status, text}`; status 0 stands for a connection that was lost. */
export function postForm({ url, fields }, file, { onProgress, signal }) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append("file", file); // S3 passes over what comes after it
  return typeof XMLHttpRequest === "undefined" ? postWithFetch(url, form, signal) : send(url, form, { onProgress, signal });
}

async function postWithFetch(url, form, signal) {
  try {
    const answer = await fetch(url, { method: "POST", body: form, signal });
    return { status: answer.status, text: await answer.text() };
  } catch {
    signal?.throwIfAborted();
    return { status: 0, text: "" };
  }
}

/** Only XMLHttpRequest shows how much of a body has been sent. */
function send(url, form, { onProgress, signal }) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const request = new XMLHttpRequest();
    const abort = () => request.abort();
    const end = (settle) => () => {
      signal?.removeEventListener("abort", abort);
      settle();
    };
    request.upload.onprogress = ({ loaded, total }) => onProgress({ sent: loaded, total });
    request.onload = end(() => resolve({ status: request.status, text: request.responseText }));
    request.onerror = end(() => resolve({ status: 0, text: "" }));
    request.onabort = end(() => reject(signal.reason));
    signal?.addEventListener("abort", abort, { once: true });
    request.open("POST", url);
    request.send(form);
  });
}
