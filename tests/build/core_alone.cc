// All of core in a program of its own: that this links shows that core needs nothing else.
int main() {
  return 0;
}
