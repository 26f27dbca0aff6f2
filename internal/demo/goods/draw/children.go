package draw

var children []Drawing
