/** The one way tasks write whole files: under a temporary name, synced, then renamed. */
export { writeFileAtomic } from "../../pipeline/atomic_file.ts";
