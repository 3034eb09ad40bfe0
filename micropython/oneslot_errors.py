# Oneslot: what the numbers of its errors mean, in a sentence each.

# The numbers and sentences of include/oneslot/error.h, in one string because each object costs heap.
_ERRORS = """\
0 ok
1 the flash chip did not answer a read
2 the flash chip did not take a program
3 the flash chip did not take an erase
4 the address lies outside the flash chip
5 the flash does not hold what was written to it
6 the flash is encrypted, which is not served
10 the journal holds no valid record
11 the journal could not be written
12 this flash was not made by oneslot image: no loader was found at its start
13 the flash map is damaged or not a partition table
14 two regions of the flash map overlap
15 a region of the flash map lies outside the flash chip or off a sector boundary
16 the configuration beside the flash map is damaged
17 the keys beside the flash map are damaged: nothing can be trusted
18 the boot loader's choice (otadata) could not be written
20 no littlefs file system was found where the flash map says
21 the file system is of an unknown littlefs version
22 the file system is damaged
23 there is no such file
24 the path is a directory, not a file
25 the file is empty
26 the file could not be read to its end
27 the file is no longer the one that was proven
28 the path is empty, too long or names no such region
29 the file could not be written
30 the file system has not enough room for the file
40 the file is no firmware image that is known here
41 the image is for another chip
42 the image is cut short: its header promises more bytes than the file holds
43 the image's header is damaged
44 the image's checksum is wrong
45 the image's CRC is wrong
46 the image's MD5 is wrong
47 the file's SHA-256 is not the one that was asked for
48 the image carries no proof of its whole content: give its SHA-256 with the request
49 the image is larger than the firmware's region
50 the image would overwrite the reserved area, the file system or its own source
51 the image loads into memory that the loader needs
52 this image needs Espressif's boot loader in the first sector, which is not there
53 the file holds more or fewer bytes than its image says
54 the image is for another revision of this chip
55 the image's SHA-256 is wrong
56 the journal does not know which image runs, so it cannot be saved
60 the package is compressed in a way that is not known here, or needs more memory
61 the compressed stream is damaged
62 the compressed stream ends before its image does
63 the compressed stream holds more than its package says
70 the new firmware did not confirm itself; the fallback was put back
71 the new firmware did not confirm itself, and there is no fallback to put back
72 there is nothing to do
73 the application is damaged and no image to mend it was found
75 an argument is out of range
76 an upgrade is under way already
77 the new installer did not start; the old one is back
78 there is no room in flash for a second installer
80 the package is cut short: it promises more bytes than the file holds
81 the package's header is damaged
82 the package is encrypted, compressed or placed in a way that is not known here
83 the file holds more bytes than its package says
84 a list of entries of the package is damaged
85 an entry of the package has a wrong length or value
86 an entry of the package is there twice
87 an entry of the package lies in the wrong list or in the wrong order
88 the package demands something that is not known here
89 the package lacks an entry that it must have
90 the package's SHA-256 is wrong
91 the package is not signed
92 the package is signed in a way that is not known here: ECDSA P-256 with SHA-256 is
93 the package is signed by a key that is not trusted here
94 the package's signature was not made over this content by that key
95 the package is for another chip
96 the package is for another board
97 the package's version is lower than one that was confirmed on this device
98 the package does not replace the version or the base image that is installed
99 this device has a key: it takes a signed package, no plain image
100 the package holds an installer, which is not what is needed here
101 the installer on this device takes no packages
102 the package holds no installer that would start on this chip
110 the fallback could not be put back after this upgrade
111 the application is whole, but the boot loader does not start it
112 the new image takes the place of Espressif's boot loader, which the fallback needs
120 the flash chip is write-protected and cannot be unlocked
"""

# The sentence for an error's number.
def text(code):
    start = ("\n" + _ERRORS).find("\n%d " % code)
    return _ERRORS[start:].split("\n", 1)[0].split(" ", 1)[1] if start >= 0 else "unknown error"
