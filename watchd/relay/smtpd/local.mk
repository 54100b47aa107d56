# Files of this folder.
