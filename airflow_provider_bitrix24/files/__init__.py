"""Files on a disk or in object storage: their formats, and writing them whole or not at all."""
