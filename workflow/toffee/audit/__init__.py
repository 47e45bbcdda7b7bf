"""Does a results folder tell the truth? Four tiers, each deeper and dearer than the one before."""
