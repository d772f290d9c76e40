mod audit;
mod cloud;
mod replay;
