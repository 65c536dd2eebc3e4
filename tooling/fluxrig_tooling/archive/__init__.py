"""Archives as files: read, verified and exported, without a Rack and without a lock. Their format: `fluxrig.journal`.

segments   the files of a folder, their headers, the stub of what was removed
check      one segment: its chain at the speed of the hash; strides, which helps it over messages of known lengths
locate     where it breaks, and whether a power cut explains that
findings   what is looked for in a segment, and found
records    the CRC and the content of each record
verify     the whole folder: every segment, and how they follow one another
anchor     checkpoints that were kept elsewhere
answers    what a verified archive says to them
entries    messages in order, from a position or a time on, and as they come in
selection  which of them are wanted
stats      what an archive holds, in figures
names      gears by name
export     messages as JSON Lines, CSV and Parquet

Whatever is read may be hostile: lengths, counts and lists are bounded, and nothing but regular files is opened.
"""
