"""HTTP/1.1 messages on llhttp, without sockets: bytes in, heads and body parts out."""
