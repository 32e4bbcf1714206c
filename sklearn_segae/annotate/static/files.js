// Links to the files of the image that is shown. Those of label maps need a model.

const $ = (id) => document.getElementById(id);
const FORMATS = { labels: ["png", "npy"], uncertainty: ["png", "npy"], strokes: ["png", "npy"], probabilities: ["npy"] };

export function linkFiles(image, ready) {
  for (const [name, formats] of Object.entries(FORMATS)) {
    for (const format of formats) {
      link(`${name}-${format}`, `download/${name}?image=${image}&as=${format}`, ready || name === "strokes");
    }
  }
  link("model", "download/model", ready);
  link("classes-json", "download/classes", true);
  $("export").disabled = !ready;
}

function link(id, address, ready) {
  $(id).setAttribute("aria-disabled", String(!ready));
  $(id).setAttribute("aria-label", id.replace("-", " as "));
  if (ready) $(id).href = address;
  else $(id).removeAttribute("href");
}
