"""What happens to the data: publishing, intake, and the statistics that say what it means."""
