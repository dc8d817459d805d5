// A module as another build would have it: what stands behind `build` is anybody's guess.
namespace {
struct {
  const char* build = "Holdfast 0.0.1, interface 0, compiler none";
} other;
}  // namespace

extern "C" const void* holdfast_nats_module();
extern "C" const void* holdfast_nats_module() {
  return &other;
}
