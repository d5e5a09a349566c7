namespace GlanceGateway.Interop.Tests;

/// <summary>python-glanceclient's <c>md-*</c> commands, which build their options from the published schemas.</summary>
public sealed class MetadefClientTests
{
    private const string Name = "Site::Racks";

    [Fact]
    public async Task A_namespace_lives_from_create_to_delete()
    {
        await using var site = await Site.StartedAsync();
        var glance = RealClient.Glance(site);

        await glance.RunAsync("md-namespace-create", Name, "--display-name", "Racks", "--visibility", "public", "--protected", "False");
        await glance.RunAsync("md-namespace-update", Name, "--description", "where");
        await glance.RunAsync("md-property-create", Name, "--name", "rack", "--title", "Rack", "--schema", """{"type":"string"}""");
        await glance.RunAsync("md-property-update", Name, "rack", "--title", "The rack");
        await glance.RunAsync("md-object-create", Name, "--name", "room", "--schema", """{"description":"d","properties":{"floor":{"type":"integer","title":"Floor"}}}""");
        await glance.RunAsync("md-tag-create-multiple", Name, "--names", "cold,warm");
        await glance.RunAsync("md-tag-update", Name, "cold", "--name", "icy");
        await glance.RunAsync("md-resource-type-associate", Name, "--name", "OS::Glance::Image", "--prefix", "site_");
        var property = await glance.TableAsync("md-property-show", Name, "rack");
        var shown = await glance.TableAsync("md-namespace-show", Name, "--resource-type", "OS::Glance::Image");
        var floor = await glance.TableAsync("md-object-property-show", Name, "room", "floor");
        await glance.RunAsync("md-resource-type-deassociate", Name, "OS::Glance::Image");
        await glance.RunAsync("md-tag-delete", Name, "icy");
        await glance.RunAsync("md-object-delete", Name, "room");
        await glance.RunAsync("md-property-delete", Name, "rack");
        await glance.RunAsync("md-namespace-delete", Name);

        Assert.Equal("The rack", property["title"]);
        Assert.Equal("integer", floor["type"]);
        Assert.Equal(("where", "[\"site_rack\"]", "[\"room\"]"), (shown["description"], shown["properties"], shown["objects"]));
        Assert.Equal(1, (await glance.TryAsync("md-namespace-show", Name)).ExitCode);
    }

    [Fact]
    public async Task A_new_registry_knows_what_operators_expect()
    {
        await using var site = await Site.StartedAsync();
        var glance = RealClient.Glance(site);

        var namespaces = RealClient.Cells(await glance.RunAsync("md-namespace-list")).Skip(1).Select(row => row[0]).ToList();
        var types = await glance.RunAsync("md-resource-type-list");

        Assert.Contains("OS::Compute::LibvirtImage", namespaces);
        Assert.Contains("OS::Compute::Watchdog", namespaces);
        Assert.Contains("OS::Nova::Flavor", types, StringComparison.Ordinal);
        Assert.Contains("watchdog_action", await glance.RunAsync("md-property-list", "OS::Compute::Watchdog"), StringComparison.Ordinal);
    }
}
