#!/usr/bin/env node
// Stands in the repository, so that npm links the command also in a clone that is not built yet.
import '../bundled/cli/main.js';
