"""The referee: replays an archive in the order in which it became known, and scores every contender alike."""
