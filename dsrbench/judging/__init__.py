"""A vision-language model as a judge of the clips of a run: its questions, its answers, the files of these."""
