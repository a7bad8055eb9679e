#!/usr/bin/env node
import { launch } from "../server/launch.js";

await launch("trainer/main");
