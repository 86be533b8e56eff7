//! The alert path: journal feed, partitions, stages, commit, dead letters.
