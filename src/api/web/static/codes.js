// Copy, download and print recovery codes. Without scripts, they are text to select.

const bar = document.querySelector("[data-codes]");
const said = document.querySelector("[data-copied]");
const lines = [...document.querySelectorAll(".codes code")].map((each) => each.textContent);
const text = `${lines.join("\n")}\n`;

const actions = {
  async copy() {
    try {
      await navigator.clipboard.writeText(text);
      said.textContent = said.dataset.copied;
    } catch {
      said.textContent = said.dataset.failed;
    }
  },
  download() {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
    link.download = `${bar.dataset.codes} recovery codes.txt`;
    link.click();
    URL.revokeObjectURL(link.href);
  },
  print() {
    window.print();
  },
};

bar.hidden = false;
for (const button of bar.querySelectorAll("button")) {
  button.addEventListener("click", actions[button.name]);
}
