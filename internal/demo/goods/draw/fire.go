package draw

var fire []Drawing
