"""Programs outside of the process: as plain fields, in pickles and in files."""
