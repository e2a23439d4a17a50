"""The generators: the op table and its companions in src/cgrad turned into sources (``python tools/optable``)."""
