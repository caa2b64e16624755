// What basic-ftp does to a server: HOST PORT FOLDER SECURITY, in the folder of local files.
const fs = require("fs")
const { Readable } = require("stream")
const ftp = require("basic-ftp")

const [host, port, folder, security] = process.argv.slice(2)
const hard = "with space žluť.bin", up = "x with space žluť.bin", part = 100000

function must(good, what) {
	if (!good) throw new Error(JSON.stringify(what))
}

async function main() {
	const client = new ftp.Client(60000)
	await client.access({
		host, port: Number(port),
		secure: security === "ftps" ? "implicit" : security !== "",
		secureOptions: {
			rejectUnauthorized: false, maxVersion: security === "tls1.2" ? "TLSv1.2" : undefined,
		},
	})
	await client.cd(folder)
	must(await client.pwd() === "/" + folder, "pwd")
	const entries = await client.list()
	for (const [name, size] of [["a.bin", 300001], [hard, 300001], ["tree", undefined]]) {
		const e = entries.find(e => e.name === name)
		must(e && (size === undefined ? e.isDirectory : e.size === size), entries)
	}
	must((await client.list("empty")).length === 0, "empty")
	must(await client.size("a.bin") === 300001, "size")
	await client.lastMod("a.bin")
	await client.downloadTo(hard, hard)
	fs.writeFileSync("a.bin", "X".repeat(part))
	await client.downloadTo(fs.createWriteStream("a.bin", { flags: "a" }), "a.bin", part)
	await client.uploadFrom(up, up)
	await client.uploadFrom(Readable.from(["X".repeat(part)]), "u.bin")
	await client.appendFrom(fs.createReadStream("u.bin", { start: part }), "u.bin")
	await client.rename("old name", "new name")
	await client.send("MKD made dir")
	await client.remove("gone.bin")
	await client.removeEmptyDir("empty")
	await client.downloadToDir("tree", "tree")
	await client.uploadFromDir("up", "up")
	await client.ensureDir("/" + folder + "/deep/er")
	await client.cd("/" + folder)
	await client.removeDir("deep")
	client.close()
}

main().catch(e => {
	console.error(e)
	process.exit(1)
})
