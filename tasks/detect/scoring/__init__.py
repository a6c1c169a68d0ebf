"""What a model says of pictures and texts that are in no collection, one file a proposer: for `POST /score`."""
