"""What every process needs: errors, files, seeds, progress, signals, threads and devices."""
