//! A layer under the program that forgets what was never synced.
