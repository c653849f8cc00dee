"""What truly happened in the city. No wire formats, no HTTP and no planted mistakes belong here."""
