// Runs a script in a real MicroPython, on a flash image.
//
//     node run.mjs MODULES FLASH.bin SCRIPT.py PLATFORM [HEAP]
//
// MODULES is the node_modules folder that holds MicroPython. The script finds `oneslot`, the stand-ins `esp` and
// `machine`, and a file system with /fw.bin, /old.bin, /empty.bin, /dir, /flash/fw.bin. The flash image is written
// back when the script has ended, however it ended. PLATFORM is what sys.platform says of the board. HEAP is the initial heap in bytes.
import * as fs from "node:fs";
import * as path from "node:path";
import * as url from "node:url";

const [modules, flash, script, platform, heap] = process.argv.slice(2);
const here = path.dirname(url.fileURLToPath(import.meta.url));
const name = "@micropython/micropython-webassembly-pyscript/micropython.mjs";
const { loadMicroPython } = await import(url.pathToFileURL(path.resolve(modules, name)));

const micropython = await loadMicroPython({
    heapsize: Number(heap ?? 1048576),
    stdout: (line) => console.log(line),
    stderr: (line) => console.error(line),
});

micropython.FS.mkdir("/modules");
const ours = path.join(here, "../../micropython");
const stand_ins = ["esp.py", "machine.py", ...(platform === "esp32" ? ["esp32.py"] : [])];
const modules_of = (folder) => fs.readdirSync(folder).filter((file) => file.startsWith("oneslot"));
for (const file of [...stand_ins.map((name) => path.join(here, name)), ...modules_of(ours).map((name) => path.join(ours, name))]) {
    micropython.FS.writeFile("/modules/" + path.basename(file), fs.readFileSync(file));
}
micropython.FS.mkdir("/dir");
micropython.FS.mkdir("/flash");
for (const [file, text] of [["/fw.bin", "new"], ["/old.bin", "old"], ["/empty.bin", ""], ["/flash/fw.bin", "new"]]) {
    micropython.FS.writeFile(file, text);
}
micropython.FS.writeFile("/flash.bin", fs.readFileSync(flash));
try {
    const board = `import sys\nsys.path.append('/modules')\nclass Board:\n    platform = "${platform}"\n    path = sys.path\n    modules = sys.modules\nsys.modules["sys"] = Board\n`;
    micropython.runPython(board + fs.readFileSync(script, "utf8"));
} catch (error) {
    console.error(String(error));
    process.exitCode = 1;
}
fs.writeFileSync(flash, micropython.FS.readFile("/flash.bin"));
