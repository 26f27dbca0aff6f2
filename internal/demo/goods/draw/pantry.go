package draw

var pantry []Drawing
