/** Where files come from: dropped, folders included, or chosen. */

/** Calls `take(files)` for what is dropped on `zone` or chosen with one of the inputs. */
export function acceptFiles(zone, inputs, take) {
  let depth = 0; // dragenter and dragleave come for each element within
  const mark = () => zone.classList.toggle("over", depth > 0);
  zone.addEventListener("dragenter", (event) => {
    event.preventDefault();
    depth += 1;
    mark();
  });
  zone.addEventListener("dragleave", () => {
    depth -= 1;
    mark();
  });
  for (const target of [zone, document]) target.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => event.preventDefault()); // a file beside the zone would replace the page
  zone.addEventListener("drop", async (event) => {
    event.preventDefault();
    depth = 0;
    mark();
    take(await filesIn(event.dataTransfer));
  });
  for (const input of inputs) {
    input.addEventListener("change", () => {
      take(Array.from(input.files).filter(isVisible));
      input.value = ""; // the same file may be chosen again
    });
  }
}

/** The entries must be asked for at once: the list is empty after the event. */
async function filesIn(transfer) {
  const items = Array.from(transfer.items ?? []);
  const entries = items.map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (entries.length === 0) return Array.from(transfer.files);
  return (await Promise.all(entries.map(filesOf))).flat().filter(isVisible);
}

async function filesOf(entry) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    // As that of a file in a folder that was chosen: names alone do not tell the files of two folders.
    return [Object.defineProperty(file, "webkitRelativePath", { value: entry.fullPath.replace(/^\//, "") })];
  }
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    // A reader gives at most a hundred at a time, and none at the end.
    const entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (entries.length === 0) return found;
    found.push(...(await Promise.all(entries.map(filesOf))).flat());
  }
}

function isVisible(file) {
  return !file.name.startsWith(".");
}
