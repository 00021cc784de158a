/** What goes wrong, and how it is tried again. */

const ATTEMPTS = 5;
const FIRST_WAIT_MS = 1000;

/** An answer that is an error, or none. `status` is 0 where the gateway, or S3, could not be reached. */
export class JobsError extends Error {
  constructor(message, { status = 0, field = null, record = null, retryAfter = null } = {}) {
    super(message);
    this.name = "JobsError";
    this.status = status;
    this.field = field; // what is wrong in a message, such as "outputs[0].bitrate_kbps"
    this.record = record; // of the job in the way
    this.retryAfter = retryAfter; // seconds
  }

  /** Whether the same request may succeed later. */
  get isTransient() {
    return [0, 408, 429].includes(this.status) || this.status >= 500;
  }
}

export function isTransient(error) {
  return error instanceof JobsError && error.isTransient;
}

/** Resolves after `ms`. Rejects with the signal's reason when it is aborted first. */
export function sleep(ms, signal) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const end = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", end);
      resolve();
    }, ms);
    signal?.addEventListener("abort", end, { once: true });
  });
}

/** What `attempt` resolves with, at the fifth time at the latest. Throws at once what would fail again. */
export async function insistently(attempt, signal) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      signal?.throwIfAborted();
      if (!isTransient(error) || tries === ATTEMPTS) throw error;
      await sleep(error.retryAfter ? error.retryAfter * 1000 : FIRST_WAIT_MS * 2 ** (tries - 1), signal);
    }
  }
}
