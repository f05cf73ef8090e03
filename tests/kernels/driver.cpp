// Runs sampled convolutions, pooling, rows of tables, moments, products of matrices, recurrent cells and attention on memory of exactly their size, with one thread and with
// three, and compares the bits. Built with the sanitizers and for other processors by test_sanitizers.py. Arguments: how many samples of
// each kind, and perhaps a file for all results, each as its number of floats (int64) and the floats.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

extern "C" int hornpipe_run(int which, const int64_t* sizes, const float* first, const float* second, float* result, int threads);
extern "C" int hornpipe_run_pool(int which, const int64_t* sizes, const float* first, const float* second, float* result, int threads);
extern "C" int hornpipe_run_rows(int which, const int64_t* sizes, const int32_t* numbers, const float* from, float* result, int threads);
extern "C" int hornpipe_run_moments(const int64_t* sizes, const float* x, const float* mean, const float* dy, float* result, int threads);
extern "C" int hornpipe_run_recurrent(int gates, int gradient, const int64_t* sizes, void* const* arrays, int threads);
extern "C" int hornpipe_run_attention(const int64_t* sizes, double scale, const uint8_t* mask, const int64_t* mask_shape,
                                      float* const* arrays, int threads);
extern "C" int hornpipe_run_matmul(const int64_t* sizes, const float* a, const float* b, float* out, int threads);
extern "C" const char* hornpipe_variant();

namespace {

uint32_t state = 1;
int64_t below(int64_t limit) {
  state = state * 1664525u + 1013904223u;
  return (state >> 8) % limit;
}

std::unique_ptr<float[]> numbers(int64_t count) {
  std::unique_ptr<float[]> made(new float[count]);
  for (int64_t i = 0; i < count; ++i) made[i] = static_cast<float>(below(2001) - 1000) / 1000;
  return made;
}

std::FILE* results = nullptr;

// Whether the results of one thread and of three are the same bits; those of one are kept.
bool same(const float* one, const float* three, int64_t count) {
  if (results) {
    std::fwrite(&count, sizeof(count), 1, results);
    std::fwrite(one, sizeof(float), size_t(count), results);
  }
  return std::memcmp(one, three, size_t(count) * 4) == 0;
}

bool run_pool_sample() {
  const int64_t window_h = 1 + below(4), window_w = 1 + below(4), stride_h = 1 + below(3), stride_w = 1 + below(3);
  const int64_t before_h = below(window_h), before_w = below(window_w), out_h = 1 + below(6), out_w = 1 + below(6);
  const int64_t batch = below(20), channels = 1 + below(70);
  // The last window begins inside the image.
  const int64_t least_h = (out_h - 1) * stride_h - before_h + 1, least_w = (out_w - 1) * stride_w - before_w + 1;
  const int64_t height = (least_h > 1 ? least_h : 1) + below(4), width = (least_w > 1 ? least_w : 1) + below(4);
  const int64_t sizes[12] = {batch, height, width, channels, out_h, out_w, window_h, window_w, stride_h, stride_w, before_h, before_w};
  const int64_t x = batch * height * width * channels, y = batch * out_h * out_w * channels;
  const int64_t operands[5][3] = {{x, x, y}, {x, x, y}, {x, y, x}, {x, 0, y}, {y, 0, x}};
  for (int which = 0; which < 5; ++which) {
    const int64_t* lengths = operands[which];
    auto first = numbers(lengths[0]), second = numbers(lengths[1]), one = numbers(lengths[2]), three = numbers(lengths[2]);
    if (!hornpipe_run_pool(which, sizes, first.get(), second.get(), one.get(), 1) ||
        !hornpipe_run_pool(which, sizes, first.get(), second.get(), three.get(), 3) ||
        !same(one.get(), three.get(), lengths[2])) {
      std::printf("pooling %d differs or fails:", which);
      for (int64_t size : sizes) std::printf(" %lld", static_cast<long long>(size));
      std::printf("\n");
      return false;
    }
  }
  return true;
}

bool run_rows_sample() {
  const int64_t sizes[3] = {1 + below(50), 1 + below(70), below(200)};
  const int64_t table = sizes[0] * sizes[1], picked = sizes[2] * sizes[1];
  std::unique_ptr<int32_t[]> places(new int32_t[sizes[2]]);
  for (int64_t i = 0; i < sizes[2]; ++i) places[i] = static_cast<int32_t>(below(sizes[0] + 4) - 2);
  for (int which = 0; which < 2; ++which) {
    const int64_t length = which == 0 ? picked : table;
    auto from = numbers(which == 0 ? table : picked), one = numbers(length), three = numbers(length);
    if (!hornpipe_run_rows(which, sizes, places.get(), from.get(), one.get(), 1) ||
        !hornpipe_run_rows(which, sizes, places.get(), from.get(), three.get(), 3) ||
        !same(one.get(), three.get(), length)) {
      std::printf("rows %d differ or fail\n", which);
      return false;
    }
  }
  return true;
}

bool run_moments_sample() {
  const int64_t sizes[2] = {1 + below(3000), 1 + below(70)};
  auto x = numbers(sizes[0] * sizes[1]), dy = numbers(sizes[0] * sizes[1]), mean = numbers(sizes[1]);
  for (int which = 0; which < 2; ++which) {
    auto one = numbers(2 * sizes[1]), three = numbers(2 * sizes[1]);
    const float* gradient = which == 0 ? nullptr : dy.get();
    if (!hornpipe_run_moments(sizes, x.get(), mean.get(), gradient, one.get(), 1) ||
        !hornpipe_run_moments(sizes, x.get(), mean.get(), gradient, three.get(), 3) ||
        !same(one.get(), three.get(), 2 * sizes[1])) {
      std::printf("moments %d differ or fail\n", which);
      return false;
    }
  }
  const int64_t floats = sizes[0] * sizes[1], length = floats + sizes[1];
  auto one = numbers(length), three = numbers(length);
  std::memcpy(three.get(), one.get(), size_t(floats) * 4);  // ReLU's gradient takes the place of what it masks
  if (!hornpipe_run_moments(sizes, x.get(), nullptr, one.get(), one.get(), 1) ||
      !hornpipe_run_moments(sizes, x.get(), nullptr, three.get(), three.get(), 3) || !same(one.get(), three.get(), length)) {
    std::printf("the gradient of ReLU differs or fails\n");
    return false;
  }
  return true;
}

bool run_matmul_sample() {
  const bool small = below(2) == 0, deep = below(3) == 0;
  const int64_t sizes[5] = {1 + below(small ? 20 : 420), 1 + below(small ? 40 : 300), 1 + below(deep ? 700 : 40), below(2), below(2)};
  auto a = numbers(sizes[0] * sizes[2]), b = numbers(sizes[2] * sizes[1]);
  auto one = numbers(sizes[0] * sizes[1]), three = numbers(sizes[0] * sizes[1]);
  if (hornpipe_run_matmul(sizes, a.get(), b.get(), one.get(), 1) && hornpipe_run_matmul(sizes, a.get(), b.get(), three.get(), 3) &&
      same(one.get(), three.get(), sizes[0] * sizes[1]))
    return true;
  std::printf("products differ or fail:");
  for (int64_t size : sizes) std::printf(" %lld", static_cast<long long>(size));
  std::printf("\n");
  return false;
}

bool run_recurrent_sample() {
  const int gates = below(2) ? 4 : 3;
  const int64_t sizes[5] = {below(40), 1 + below(12), 1 + below(40), 1 + below(40), below(2)};
  const int64_t batch = sizes[0], steps = sizes[1], features = sizes[2], units = sizes[3], width = gates * units, state = batch * units;
  const int64_t cells = gates == 4 ? state : 0, inner = gates == 3 ? width : 0, sequence = batch * steps * units;
  const bool sequences = below(2), masked = below(2);
  const int64_t inputs[7] = {batch * steps * features, features * width, units * width, width, inner, state, cells};
  std::unique_ptr<bool[]> valid(new bool[batch * steps]);
  for (int64_t i = 0; i < batch * steps; ++i) valid[i] = below(4) > 0;
  std::unique_ptr<float[]> given[7], upstream[3] = {numbers(sequence), numbers(state), numbers(cells)}, made_by[2][10];
  void* forward[12];
  void* backward[19];
  for (int i = 0; i < 7; ++i) forward[i] = (given[i] = numbers(inputs[i])).get();
  forward[7] = masked ? valid.get() : nullptr;
  std::memcpy(backward, forward, 8 * sizeof(void*));
  for (int i = 0; i < 3; ++i) backward[8 + i] = upstream[i].get();
  if (!sequences) backward[8] = nullptr;
  const int64_t made[10] = {sequence, state, cells, inputs[0], inputs[1], inputs[2], inputs[3], inputs[4], inputs[5], inputs[6]};
  for (int run = 0; run < 2; ++run) {
    auto kept = numbers(batch * steps * ((units + 15) / 16 * 16) * (gates + 2));
    for (int i = 0; i < 10; ++i) (i < 3 ? forward[8 + i] : backward[12 + i - 3]) = (made_by[run][i] = numbers(made[i])).get();
    if (!sequences) forward[8] = nullptr, std::memset(made_by[run][0].get(), 0, size_t(sequence) * 4);
    forward[11] = backward[11] = kept.get();
    const int threads = run ? 3 : 1;
    if (!hornpipe_run_recurrent(gates, 0, sizes, forward, threads) || !hornpipe_run_recurrent(gates, 1, sizes, backward, threads))
      return false;
  }
  for (int i = 0; i < 10; ++i)
    if (!same(made_by[0][i].get(), made_by[1][i].get(), made[i])) {
      std::printf("result %d of a cell of %d gates differs:", i, gates);
      for (int64_t size : sizes) std::printf(" %lld", static_cast<long long>(size));
      std::printf("\n");
      return false;
    }
  return true;
}

bool run_attention_sample() {
  const int64_t key_heads = 1 + below(3), heads = key_heads * (1 + below(3)), batch = 1 + below(3);
  const bool few = !below(3);  // queries, of whole vectors
  const int64_t size = few ? 16 * (1 + below(3)) : 1 + below(40), targets = 1 + below(few ? 6 : 110);
  const int64_t sources = below(8) ? 1 + below(110) : 280 + below(400), value_size = few ? 16 * (1 + below(3)) : 1 + below(40);
  const int64_t sizes[8] = {batch, targets, sources, heads, key_heads, size, value_size, below(2)};
  const int64_t q = batch * targets * heads * size, k = batch * sources * key_heads * size;
  const int64_t v = batch * sources * key_heads * value_size, out = batch * targets * heads * value_size, sums = batch * heads * targets * 2;
  int64_t shape[4] = {batch, heads, targets, sources}, places = 1;
  for (int64_t& axis : shape) places *= axis = below(2) ? axis : 1;
  std::unique_ptr<uint8_t[]> mask(new uint8_t[places]);
  const bool masked = below(2);
  for (int64_t i = 0; i < places; ++i) mask[i] = static_cast<uint8_t>(below(3) > 0);
  auto query = numbers(q), key = numbers(k), value = numbers(v), dout = numbers(out);
  const int64_t lengths[5] = {out, sums, q, k, v};
  std::unique_ptr<float[]> made_by[2][5];
  for (int run = 0; run < 2; ++run) {
    for (int i = 0; i < 5; ++i) made_by[run][i] = numbers(lengths[i]);
    float* arrays[9] = {query.get(), key.get(), value.get(), made_by[run][0].get(), made_by[run][1].get(), dout.get()};
    for (int i = 0; i < 3; ++i) arrays[6 + i] = made_by[run][2 + i].get();
    if (!hornpipe_run_attention(sizes, 0.3, masked ? mask.get() : nullptr, masked ? shape : nullptr, arrays, run ? 3 : 1)) return false;
  }
  for (int i = 0; i < 5; ++i)
    if (!same(made_by[0][i].get(), made_by[1][i].get(), lengths[i])) {
      std::printf("attention %d differs:", i);
      for (int64_t size : sizes) std::printf(" %lld", static_cast<long long>(size));
      std::printf("\n");
      return false;
    }
  return true;
}

}  // namespace

int main(int count_of_arguments, char** arguments) {
  const int samples = count_of_arguments > 1 ? std::atoi(arguments[1]) : 100;
  if (count_of_arguments > 2 && (results = std::fopen(arguments[2], "wb")) == nullptr) return 2;
  int done = 0;
  while (done < samples) {
    int64_t groups = below(3) == 0 ? 1 + below(3) : 1, own = 1 + below(40), made = 1 + below(70);
    if (below(4) == 0) groups = own, own = made = 1;
    if (below(3) == 0) groups = 2 + below(9), own = 1 + below(16), made = 1 + below(16);
    int64_t batch = below(5);
    const int64_t height = 1 + below(20), width = 1 + below(20), before_h = below(4) - 1, before_w = below(4) - 1;
    int64_t window_h = 1 + below(5), window_w = 1 + below(5), stride_h = 1 + below(3), stride_w = 1 + below(3);
    int64_t step_h = 1 + below(2), step_w = 1 + below(2);
    if (groups > 3 && below(2) == 0) window_h = window_w = 3, stride_h = stride_w = 1 + below(2), step_h = step_w = 1;
    if (groups == 1 && below(3) == 0) {  // by tiles, where the outputs are enough
      batch = 10, own = 16 + below(20), made = 16 + below(40);
      window_h = window_w = 3, stride_h = stride_w = step_h = step_w = 1;
    }
    const int64_t out_h = 1 + below(12), out_w = 1 + below(12);  // beyond the image everything counts as zero
    const int64_t sizes[16] = {batch, height, width, groups * own, window_h, window_w, groups * made, out_h,
                               out_w, stride_h, stride_w, before_h, before_w, step_h, step_w, groups};
    const int64_t x = batch * height * width * groups * own, kernel = window_h * window_w * own * groups * made;
    const int64_t y = batch * out_h * out_w * groups * made;
    const int64_t operands[5][3] = {
        {x, kernel, y}, {y, kernel, x}, {x, y, kernel}, {x, kernel + groups * made, y}, {x, y + kernel, x + kernel}};
    const bool depthwise = groups > 1 && own == 1 && made == 1;
    for (int which = 0; which < 5; ++which) {
      if (depthwise && which == 3) continue;
      const int64_t* lengths = operands[which];
      auto first = numbers(lengths[0]), second = numbers(lengths[1]), one = numbers(lengths[2]), three = numbers(lengths[2]);
      if (!hornpipe_run(which, sizes, first.get(), second.get(), one.get(), 1) ||
          !hornpipe_run(which, sizes, first.get(), second.get(), three.get(), 3) ||
          !same(one.get(), three.get(), lengths[2])) {
        std::printf("function %d differs or fails:", which);
        for (int64_t size : sizes) std::printf(" %lld", static_cast<long long>(size));
        std::printf("\n");
        return 1;
      }
    }
    if (!run_pool_sample() || !run_rows_sample() || !run_moments_sample() || !run_matmul_sample() || !run_recurrent_sample() ||
        !run_attention_sample())
      return 1;
    ++done;
  }
  if (results && std::fclose(results) != 0) return 2;
  std::printf("%d samples, %s\n", done, hornpipe_variant());
  return 0;
}
