// Runs scripts in a real MicroPython, each on a flash image and from a fresh start.
//
//     node run.mjs MODULES
//
// MODULES is the node_modules folder that holds MicroPython. Every line of standard input is a job,
// {"flash": "flash.bin", "script": "...", "platform": "esp8266"}, and is answered by a line of standard output,
// {"ok": true, "out": [lines], "err": [lines]}. Starting Node and compiling MicroPython takes longer than a script, so
// one process serves many; a MicroPython serves one job.
//
// A script finds `oneslot`, the stand-ins `esp` and `machine`, and a file system with /fw.bin, /old.bin, /empty.bin,
// /dir, /flash/fw.bin. The flash image is written back when the script has ended, however it ended. The platform is
// what sys.platform says of the board.
import * as fs from "node:fs";
import * as path from "node:path";
import * as readline from "node:readline";
import * as url from "node:url";

const [modules] = process.argv.slice(2);
const here = path.dirname(url.fileURLToPath(import.meta.url));
const name = "@micropython/micropython-webassembly-pyscript/micropython.mjs";
const { loadMicroPython } = await import(url.pathToFileURL(path.resolve(modules, name)));

const ours = path.join(here, "../../micropython");
const HEAP_SIZE = 1048576;

function files_of(platform) {
    const stand_ins = ["esp.py", "machine.py", ...(platform === "esp32" ? ["esp32.py"] : [])];
    return [...stand_ins.map((file) => path.join(here, file)),
            ...fs.readdirSync(ours).filter((file) => file.startsWith("oneslot")).map((file) => path.join(ours, file))];
}

async function run({ flash, script, platform }) {
    const answer = { ok: true, out: [], err: [] };
    const micropython = await loadMicroPython({
        heapsize: HEAP_SIZE,
        stdout: (line) => answer.out.push(line),
        stderr: (line) => answer.err.push(line),
    });
    for (const folder of ["/modules", "/dir", "/flash"]) {
        micropython.FS.mkdir(folder);
    }
    for (const file of files_of(platform)) {
        micropython.FS.writeFile("/modules/" + path.basename(file), fs.readFileSync(file));
    }
    for (const [file, text] of [["/fw.bin", "new"], ["/old.bin", "old"], ["/empty.bin", ""], ["/flash/fw.bin", "new"]]) {
        micropython.FS.writeFile(file, text);
    }
    micropython.FS.writeFile("/flash.bin", fs.readFileSync(flash));
    try {
        const board = `import sys\nsys.path.append('/modules')\nclass Board:\n    platform = "${platform}"\n    path = sys.path\n    modules = sys.modules\nsys.modules["sys"] = Board\n`;
        micropython.runPython(board + script);
    } catch (error) {
        answer.err.push(String(error));
        answer.ok = false;
    }
    fs.writeFileSync(flash, micropython.FS.readFile("/flash.bin"));
    return answer;
}

for await (const line of readline.createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await run(JSON.parse(line))));
}
