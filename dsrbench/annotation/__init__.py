"""A local page on which people answer questions about clips: the plan, the answers, the server."""
