// A web app that converts what is posted to it: GATEWAY=http://127.0.0.1:8081 node node_app.mjs
//   curl --data-binary @talk.wav http://127.0.0.1:3000/talk.wav    shows the progress, then a link
// jobs.js lies in the Python package, in worker/gateway/page_files, and is served by every gateway.
import { createServer } from "node:http";
import { buffer } from "node:stream/consumers";

import { isFinal, Jobs, JobsError, newJobId } from "../worker/gateway/page_files/jobs.js";

const jobs = new Jobs({ url: process.env.GATEWAY ?? "http://127.0.0.1:8081", token: process.env.TOKEN });
const { target } = await jobs.places();

async function convert(request, response) {
  const name = decodeURIComponent(request.url.slice(1)) || "recording";
  const type = request.headers["content-type"];
  const source = await jobs.upload(new File([await buffer(request)], name, { type }));
  const jobId = newJobId(name);
  const outputs = [{ target: `${target}${jobId}.mp3`, format: "mp3", bitrate_kbps: 128 }];
  await jobs.submit({ job_id: jobId, source, outputs });
  response.writeHead(200, { "content-type": "text/plain; charset=utf-8" });
  for await (const record of jobs.watch(jobId)) {
    response.write(`${record.percent} % ${record.stage ?? record.status}\n`);
    if (record.status === "completed") response.write(`${await jobs.outputUrl(jobId, 0)}\n`);
    else if (isFinal(record)) response.write(`${record.error.code}: ${record.error.message}\n`); // one that is queued again has an error, too
  }
  response.end();
}

/** The status and the text of the answer to a request that failed. */
function answerTo(error) {
  if (error instanceof JobsError) return [error.status || 502, error.message];
  if (error instanceof URIError) return [400, "The name is no URL-encoded UTF-8."];
  console.error(error); // a client that left amid its file, or a bug: other requests go on
  return [500, "An unexpected error."];
}

const server = createServer(async (request, response) => {
  try {
    await convert(request, response);
  } catch (error) {
    const [status, text] = answerTo(error);
    if (!response.headersSent) response.writeHead(status);
    response.end(`${text}\n`);
  }
});

server.listen(Number(process.env.PORT ?? 3000), "127.0.0.1", () => console.log(server.address().port));
