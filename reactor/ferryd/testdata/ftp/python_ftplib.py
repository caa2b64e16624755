"""What Python's ftplib does to a server: HOST PORT FOLDER SECURITY, in the folder of local files."""
import ftplib
import ssl
import sys

HARD, UP = "with space žluť.bin", "x with space žluť.bin"
PART = 100_000


def must(good, *said):
    if not good:
        sys.exit(f"failed: {said!r}")


secure = sys.argv[4]
if secure:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if secure == "tls1.2":
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    ftp = ftplib.FTP_TLS(timeout=20, context=context)
else:
    ftp = ftplib.FTP(timeout=20)
ftp.connect(sys.argv[1], int(sys.argv[2]))
ftp.login()
if secure:
    ftp.prot_p()
ftp.cwd(sys.argv[3])
must(ftp.pwd() == "/" + sys.argv[3], ftp.pwd())
lines = []
ftp.retrlines("LIST", lines.append)
names = ftp.nlst()
for name in ("a.bin", HARD, "tree"):
    must(name in names, names)
    must(any(line.endswith(" " + name) for line in lines), lines)
try:
    facts = dict(ftp.mlsd(facts=["type", "size"]))
    must(facts["a.bin"]["type"] == "file" and facts["a.bin"]["size"] == "300001", facts)
    must(facts["tree"]["type"] == "dir", facts)
except ftplib.error_perm as e:
    must(str(e).startswith("50"), e)
must(ftp.nlst("empty") == [], "empty")
ftp.voidcmd("TYPE I")
must(ftp.size("a.bin") == 300001, "size")
with open(HARD, "wb") as f:
    ftp.retrbinary("RETR " + HARD, f.write)
with open("a.bin", "wb") as f:
    f.write(b"X" * PART)
    ftp.retrbinary("RETR a.bin", f.write, rest=PART)
with open(UP, "rb") as f:
    ftp.storbinary("STOR " + UP, f)
with open("u.bin", "rb") as f:
    ftp.storbinary("STOR u.bin", f)
    f.seek(0)
    ftp.storbinary("STOR u.bin", __import__("io").BytesIO(b"X" * PART))
    f.seek(PART)
    ftp.storbinary("STOR u.bin", f, rest=PART)
text = []
ftp.retrlines("RETR t1.txt", text.append)
must(text == ["one", "two", "t1.txt"], text)
ftp.rename("old name", "new name")
must(ftp.mkd("made dir").endswith("/made dir"), "mkd")
ftp.delete("gone.bin")
ftp.rmd("empty")
try:
    ftp.size("gone.bin")
    must(False, "a deleted file has a size")
except ftplib.error_perm as e:
    must(str(e).startswith("550"), e)
# ABOR goes as urgent data. It gets two replies: 426 and 226, or 226 and 226 if the transfer was over.
ftp.voidcmd("TYPE I")
conn = ftp.transfercmd("RETR a.bin")
conn.recv(10)
ftp.abort()
conn.close()
ftp.getmultiline()
must(ftp.sendcmd("NOOP").startswith("200"), "after abort")
must(ftp.pwd() == "/" + sys.argv[3], "after abort")
ftp.quit()
