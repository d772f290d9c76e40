mod cloud;
mod replay;
